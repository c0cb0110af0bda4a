"""Does the measure measure it? Interventions scored on models whose truth is known."""
