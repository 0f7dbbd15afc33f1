"""Training on torch: the only room that imports it. Nothing here knows of claims, plans or verdicts."""
