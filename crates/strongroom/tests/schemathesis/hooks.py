"""What schemathesis sends, made what the server means by the same words."""

import schemathesis


@schemathesis.hook
def map_body(context, body):
    """JSON Schema counts 1.0 among the integers; the server takes it for a fraction, and so refuses it."""
    if isinstance(body, dict):
        return {name: int(value) if is_whole(value) else value for name, value in body.items()}
    return body


def is_whole(value):
    return isinstance(value, float) and value.is_integer()
