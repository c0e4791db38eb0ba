"""Calibration: whole studies of simulated models, whose truth is known, set against that truth.

What a study does is the real thing (plan, strategy, confirmation, findings); only its rollouts are simulated, and there is no
database. docs/calibration.md says what is measured and how to read it.

- ``subjects``: what is calibrated, checked at the door
- ``played``: one study, from its first proposal to its findings
- ``truths``, ``best``: how well a configuration really does, and which one of a space does best
- ``labels``: whether failure labels name the true causes
- ``judging``: one study held against the truth, and ``figures``, the shapes of what comes of it
- ``campaign``: all studies of all organisms, on several cores
- ``summary``, ``tables``, ``picture``: what the figures say together, and how they are shown
"""
