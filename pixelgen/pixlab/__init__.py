"""PixLab's ``pixelgenerate`` endpoint: a ``client`` that downloads images, and a ``server``."""
