"""The Postman collection: the endpoints of the OpenAPI document, in an order that runs from top to bottom."""
