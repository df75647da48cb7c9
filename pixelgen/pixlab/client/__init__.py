"""The PixLab endpoint as another source of images: asked with care, and believed in nothing.

``fetch`` brings the images of a shard into the spool, from which the writer takes them; ``client``
asks for one image, with retries; ``reply`` judges what came; ``wire`` is the network, in bounded
time and memory. Nothing here is imported unless images are to be fetched.
"""
