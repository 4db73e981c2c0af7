"""How a suite is divided among the jobs of a CI run, and the plan as a document."""
