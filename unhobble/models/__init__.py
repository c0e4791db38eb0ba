"""Ways to a model."""

from unhobble.protocols import ModelClient
from unhobble.spec import ModelSpec


def connect(spec: ModelSpec) -> ModelClient:
    """A client for ``spec``. Raises ``BadInput`` for an organism that does not exist or a key that is not set.

    The imports wait until they are needed: litellm costs seconds.
    """
    if spec.is_organism:
        from unhobble.models.organism.client import OrganismClient  # noqa: PLC0415 - see above

        return OrganismClient(spec)
    from unhobble.models.litellm_client import LitellmClient  # noqa: PLC0415 - see above

    return LitellmClient(spec)
