"""Models to try the plugin on."""
