npx openapi-generator generate --generator-name java --library native --input-spec "$PARLEY_URL/docs/openapi.json" --output generated \
  --additional-properties dateLibrary=java8 --type-mappings AnyType=Object \
  --invoker-package org.example.parley --api-package org.example.parley.api --model-package org.example.parley.model
