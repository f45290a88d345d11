package upkeep

// WhenMoved goes further as requests for deletion do.
var WhenMoved = whenMoved
