mkdir -p parley
go tool oapi-codegen -config oapi-codegen.yaml "$PARLEY_URL/docs/openapi.json"
