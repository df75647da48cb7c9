"""The PixLab endpoint on this machine: the same requests, answered by pixelgen's own generator.

:func:`pixelgen.pixlab.server.app.create_app` returns an ASGI application for any ASGI server.
"""
