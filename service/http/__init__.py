"""How any operation becomes HTTP: declaration, binding, errors, pagination and the OpenAPI document."""
