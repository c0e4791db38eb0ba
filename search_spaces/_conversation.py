"""Builds conversations that every provider takes."""

from unhobble.messages import Message


def append(messages: list[Message], message: Message) -> None:
    """Add ``message``. Two messages of role user in a row become one: many chat templates insist that the roles alternate."""
    if messages and message.role == messages[-1].role == "user":
        message = Message(role="user", content=f"{messages.pop().content}\n\n{message.content}")
    messages.append(message)
