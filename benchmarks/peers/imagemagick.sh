#!/bin/sh
# ImageMagick in one process: COUNT SIZE DIRECTORY PROGRAM. Without -depth it would write 16 bits,
# and over a gray canvas gray noise, four times more slowly.
exec "$4" -size "$2x$2" xc:white -duplicate $(($1 - 1)) +noise Random -depth 8 "PNG24:$3/%06d.png"
