package app

import "text/template"

// greeting is what the first start prints: the keys, once, and the guide's first steps as lines to paste.
var greeting = template.Must(template.New("greeting").Parse(`Parley listens on {{.URL}}
{{with .Admin}}Metrics and profiles: {{.}}
{{end}}
An app has been made. Its secrets are shown this once.

  app id          {{.AppID}}
  app key         {{or .Made.AppKey "as in PARLEY_APP_KEY"}}
  master key      {{or .Made.MasterKey "as in PARLEY_MASTER_KEY"}}
  signing secret  {{or .Made.SigningSecret "as in PARLEY_SIGNING_SECRET"}}
{{if .Console}}
Two people chat in your browser: open the console.

  {{.URL}}/{{with .Made.AppKey}}#appId={{$.AppID}}&appKey={{.}}{{end}}
{{end}}
Terminal 1: Jerry logs in and listens.

  JERRY=$(curl -s {{.URL}}/v1/sessions -u "{{.AppID}}:{{or .Made.AppKey "$PARLEY_APP_KEY"}}" -H 'Content-Type: application/json' -d '{"clientId":"Jerry"}' | sed 's/.*"token":"\([^"]*\)".*/\1/')
  curl -N {{.URL}}/v1/stream -H "Authorization: Bearer $JERRY"

Terminal 2: Tom logs in, starts a conversation with Jerry and says something.

  TOM=$(curl -s {{.URL}}/v1/sessions -u "{{.AppID}}:{{or .Made.AppKey "$PARLEY_APP_KEY"}}" -H 'Content-Type: application/json' -d '{"clientId":"Tom"}' | sed 's/.*"token":"\([^"]*\)".*/\1/')
  CHAT=$(curl -s {{.URL}}/v1/conversations -H "Authorization: Bearer $TOM" -H 'Content-Type: application/json' -d '{"members":["Jerry"],"name":"Tom & Jerry","unique":true}' | sed 's/.*"id":"\([^"]*\)","type".*/\1/')
  curl {{.URL}}/v1/conversations/$CHAT/messages -H "Authorization: Bearer $TOM" -H 'Content-Type: application/json' -d '{"type":"text","text":"Jerry, get up!"}'

Cut Jerry's stream (Ctrl-C), send again, and go on from the last id you saw: nothing is lost.

  curl -N {{.URL}}/v1/stream -H "Authorization: Bearer $JERRY" -H "Last-Event-ID: 2"

The API to look at and try: {{.URL}}/docs/
`))
