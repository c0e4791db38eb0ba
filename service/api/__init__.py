"""The HTTP API: FastAPI routers over the use-cases. No search, no Ray and no model is imported here."""
