"""Running a plan: RunSpecs in, records in the store out. Knows no torch; trains through a Trainer."""
