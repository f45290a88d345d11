package pictures

// CheckAddress refuses an address that is about to be dialed, unless it is public.
var CheckAddress = checkAddress

// Redraw re-encodes a picture as a small JPEG.
var Redraw = redraw
