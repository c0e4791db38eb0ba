"""Ways to a model."""

from unhobble.protocols import ModelClient
from unhobble.spec import ModelSpec


def connect(spec: ModelSpec) -> ModelClient:
    """A client for ``spec``. Raises ``BadInput`` for an organism that does not exist or a key that is not set.

    The imports wait until they are needed: litellm costs seconds.
    """
    if spec.is_organism:
        from unhobble.models.organism.client import OrganismClient

        return OrganismClient(spec)
    from unhobble.models.litellm_client import LitellmClient

    return LitellmClient(spec)
