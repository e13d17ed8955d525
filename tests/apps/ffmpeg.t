#!/bin/sh
# SPDX-License-Identifier: MIT
# ffmpeg with threads in filters, encoders and decoders: the same pictures and sounds, bit by bit.
. "${0%/*}/lib.sh"
needs ffmpeg

ff='ffmpeg -nostdin -hide_banner -loglevel error -threads 4 -filter_complex_threads 2'
picture='-f lavfi -i testsrc2=size=320x240:rate=25:duration=4'
sound='-f lavfi -i sine=frequency=440:duration=4'
exact='-flags:v +bitexact -flags:a +bitexact -fflags +bitexact'
filter='sed s/@.0x[0-9a-f]*/@/'
may='--threads=4'

# shellcheck disable=SC2086 # options
{
	same 'encodes by frame threads' $ff $picture $exact -c:v libx264 -preset fast -threads 4 \
		-qp 26 -x264-params threads=4 -f h264 -
	cp native.out film.h264
	same 'encodes by slice threads' $ff $picture $exact -c:v mpeg4 -threads 4 -f avi -
	same 'decodes by frame threads' $ff -threads 4 -i film.h264 -f framemd5 -
	same 'scales and mixes' $ff $picture $sound $exact -vf scale=200:150,hue=s=0.5,boxblur \
		-c:v ffv1 -level 3 -slices 4 -threads 4 -c:a flac -f nut -
	head -c 20000 film.h264 >cut.h264
	may=
	same 'decodes a cut film' $ff -threads 4 -i cut.h264 -f framemd5 -
	may=--traces=0
	same 'refuses what is no film' $ff -i "$0" -f null -
}

echo "1..$count"
