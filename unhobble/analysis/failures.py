"""Why a rollout did not score: rules over its transcript, in the order of DESIGN's table; the first that applies wins."""
