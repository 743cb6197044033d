npx openapi-typescript "$PARLEY_URL/docs/openapi.json" --output parley.d.ts
