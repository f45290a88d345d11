package projections

// All is every projection there is. Partitions is the number of partitions of topic `dashboards`.
func All(partitions int32) []Projector {
	return []Projector{Dashboards{Partitions: partitions}, AccountInsights{}, PostInsights{}, Directory{}, Operations{}}
}
