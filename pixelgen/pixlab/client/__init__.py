"""The client of the PixLab endpoint: downloads images and trusts nothing that it receives.

``client`` fetches one image, with retries; ``response`` decides what an HTTP response is worth;
``complete_image`` and ``structure`` check that an image is whole; ``transport`` makes one GET in
bounded time and memory, over the connections of ``connection``. Nothing here is imported unless
images are to be downloaded.
"""
