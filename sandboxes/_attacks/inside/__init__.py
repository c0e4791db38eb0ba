"""Programs that run inside a sandbox and try to get out of it, or to do harm from it.

They are packed as they are (``scene.archive``) and run there by the image's own Python: the standard library only, nothing newer
than Python 3.9. Each is a function of ``Facts`` that returns a ``Verdict`` drawn from what it achieved.
"""
