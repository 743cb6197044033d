package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"parley/app"
	. "parley/tests/harness"
)

// TestAppCommandSaysWhatIsWrong: a wrong call is told from a failure, by its exit code and in a line, and changes nothing.
func TestAppCommandSaysWhatIsWrong(t *testing.T) {
	db := SQLite(t)
	ManageApps(t, db, "create", "--id", "shop")
	listed := ManageApps(t, db, "list", "--json")
	nowhere := "mysql://tom:" + password + "@127.0.0.1:1/parley"
	for name, c := range map[string]struct {
		arguments string
		database  string
		variables []string
		code      int
		says      string
	}{
		"no action":              {"", db, nil, 2, "Usage: parley app create|list|"},
		"help":                   {"-h", db, nil, 0, "Usage: parley app create|list|"},
		"help of an action":      {"rotate-keys -h", db, nil, 0, "--keep 24h"},
		"no such action":         {"delete shop", db, nil, 2, "Usage: parley app create|list|"},
		"no app named":           {"disable", db, nil, 2, "Usage: parley app disable"},
		"two apps named":         {"disable shop shop", db, nil, 2, "Usage: parley app disable"},
		"an unknown flag":        {"list --long", db, nil, 2, "-long"},
		"an unknown app":         {"disable another", db, nil, 1, "there is no such app in this database"},
		"an unknown app's keys":  {"rotate-keys another", db, nil, 1, "there is no such app in this database"},
		"an unknown app's end":   {"rotate-keys --finish another", db, nil, 1, "there is no such app in this database"},
		"an id that is taken":    {"create --id shop", db, nil, 1, "there is an app with this id already"},
		"an id that is none":     {"create --id a:b", db, nil, 2, "--id must be 1 to 36 letters"},
		"no database":            {"list", nowhere, nil, 1, "PARLEY_DATABASE_URL"},
		"a wrong variable":       {"list", db, []string{"PARLEY_SESSION_TTL=soon"}, 1, "PARLEY_SESSION_TTL"},
		"a negative time":        {"rotate-keys --keep -1h shop", db, nil, 2, "--keep"},
		"no time":                {"rotate-keys --keep soon shop", db, nil, 2, "keep"},
		"an end that makes keys": {"rotate-keys --finish --given shop", db, nil, 2, "--finish replaces no key"},
		"no key given":           {"rotate-keys --given --master-key shop", db, []string{"PARLEY_APP_KEY=0123456789abcdef"}, 2, "PARLEY_MASTER_KEY"},
		"two keys alike":         {"rotate-keys --given --master-key --app-key shop", db, []string{"PARLEY_APP_KEY=0123456789abcdef", "PARLEY_MASTER_KEY=0123456789abcdef"}, 1, "must differ"},
		"nothing to change":      {"change shop", db, nil, 2, "say what to change"},
		"changed to nothing":     {"change --require-signed-login=maybe shop", db, nil, 2, "must be true or false"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := app.ManageApps(context.Background(), strings.Fields(c.arguments), append(c.variables, "PARLEY_DATABASE_URL="+c.database), &stdout, &stderr)
			said := stderr.String()
			if code != c.code || !strings.Contains(said, c.says) || stdout.Len() > 0 || strings.Contains(said, password) {
				t.Errorf("it exits with %d, not %d, prints %q and says %q", code, c.code, stdout.String(), said)
			}
			if c.code == 1 && strings.Count(said, "\n") != 1 {
				t.Errorf("it is no line: %q", said)
			}
		})
	}
	if after := ManageApps(t, db, "list", "--json"); after != listed {
		t.Errorf("the apps were\n%s\nand are\n%s", listed, after)
	}
}

// TestAppCommandPrintsForProgramsAndPeople: every action, in both forms, and no key but the new ones.
func TestAppCommandPrintsForProgramsAndPeople(t *testing.T) {
	db := SQLite(t)
	object := func(arguments ...string) (object JSON) {
		t.Helper()
		if err := json.Unmarshal([]byte(ManageApps(t, db, append(arguments, "--json")...)), &object); err != nil {
			t.Fatal(err)
		}
		return object
	}
	made := object("create", "--id", "shop", "--require-signed-login")
	for _, key := range []string{"appKey", "masterKey", "signingSecret"} {
		if value, _ := made[key].(string); len(value) < 26 {
			t.Errorf("the %s is %q", key, made[key])
		}
	}
	if secret := made["signingSecret"].(string); len(secret) < 32 { // RFC 7518, section 3.2
		t.Errorf("the signing secret is %q", secret)
	}
	if one, other := object("create"), object("create"); one["id"] == other["id"] || one["masterKey"] == other["masterKey"] {
		t.Errorf("two apps are %v and %v", one, other)
	}
	object("rotate-keys", "shop", "--master-key", "--keep", "1h")
	if disabled := object("disable", "shop"); disabled["disabledAt"] == nil || disabled["requireSignedLogin"] != true {
		t.Errorf("disabled, the app is %v", disabled)
	}
	at := object("disable", "shop")["disabledAt"]
	apps := object("list")["apps"].([]any)
	shop := apps[0].(JSON)
	if previous := shop["previousUntil"].(JSON); len(apps) != 3 || shop["id"] != "shop" || shop["disabledAt"] != at || len(previous) != 1 || previous["masterKey"] == nil {
		t.Errorf("listed are %v", apps)
	}
	if shop := object("rotate-keys", "--finish", "shop"); len(shop["previousUntil"].(JSON)) != 0 {
		t.Errorf("finished, the app is %v", shop)
	}
	if shop := object("enable", "shop"); shop["disabledAt"] != nil {
		t.Errorf("enabled, the app is %v", shop)
	}
	if shop := object("change", "shop", "--require-signed-login=false"); shop["requireSignedLogin"] != false {
		t.Errorf("changed, the app is %v", shop)
	}
	printed := ""
	for _, arguments := range []string{"create --id second", "rotate-keys second", "rotate-keys --finish second", "rotate-keys --keep 0 second", "disable second", "enable second", "change --require-signed-login=true second", "list"} {
		text := ManageApps(t, db, strings.Fields(arguments)...)
		if !strings.Contains(text, "second") {
			t.Errorf("%s prints %q", arguments, text)
		}
		printed += text
	}
	for _, words := range []string{"its signing secret, shown this once: ", "its new master key, shown this once: ", "rotate-keys --finish second ends it sooner", "signed only"} {
		if !strings.Contains(printed, words) {
			t.Errorf("nothing says %q in %s", words, printed)
		}
	}
}
