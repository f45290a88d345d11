package pictures

// JudgeAddress refuses an address that is about to be dialled, unless it is public.
var JudgeAddress = judgeAddress

// Redraw makes a small JPEG of a picture.
var Redraw = redraw
