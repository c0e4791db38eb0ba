"""Ready-made spaces. Each YAML file is one preset (see ``search_spaces.space``); the file's stem is its name."""
