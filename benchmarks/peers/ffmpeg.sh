#!/bin/sh
# ffmpeg's noise filter, and PNG stored: COUNT SIZE DIRECTORY PROGRAM. The noise covers 100 of the
# 256 levels, to ffmpeg's favour: it reads uniform noise from /dev/urandom more slowly than this.
exec "$4" -nostdin -loglevel error \
    -f lavfi -i "color=gray:size=$2x$2,format=rgb24,noise=alls=100:allf=t+u" \
    -frames:v "$1" -compression_level 0 -pred none "$3/%06d.png"
