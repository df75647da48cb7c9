"""PixLab's ``pixelgenerate`` endpoint: asked (``client``) and answered (``server``)."""
