package operations

var RefuseConcurrentBuild = refuseConcurrentBuild
