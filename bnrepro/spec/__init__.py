"""The claim language: frozen typed values and the strict loader that makes them from YAML."""
