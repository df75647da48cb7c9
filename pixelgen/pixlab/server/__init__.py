"""The PixLab endpoint on this machine: the same requests, answered by pixelgen's own generator.

:func:`pixelgen.pixlab.server.app.endpoint` is an ASGI application that any ASGI server runs.
"""
