// Keys that are typed in are forgotten with the page: persistAuthorization would leave the master key in the browser's storage,
// readable, for good.
SwaggerUIBundle({ url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true });
