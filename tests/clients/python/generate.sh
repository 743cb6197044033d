npx openapi-generator generate --generator-name python --input-spec "$PARLEY_URL/docs/openapi.json" --output generated \
  --package-name parley --type-mappings AnyType=object
