"""How an encoder is learned: settings, data, the run, its checkpoints, its quality."""
