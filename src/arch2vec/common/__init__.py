"""What every room stands on: files, caches, user code, threads, processes."""
