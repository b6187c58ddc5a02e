"""HTTP of all operations: declaration, binding, errors, pagination and the OpenAPI document."""
