"""Zero-cost proxies: what an untrained network gives away within a few passes of one batch.

No network is trained, and no value is an accuracy; what a proxy is good for is
measured by its rank correlation with real accuracies (``arch2vec experiment proxies``).
One file holds one proxy or family; :data:`arch2vec.proxies.registry.PROXIES` has all by name.
"""
