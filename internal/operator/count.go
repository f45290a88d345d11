package operator

import "fmt"

// ParkedEvents counts parked events in words: "1 parked event", "2 parked events".
func ParkedEvents[N int | int64](n N) string {
	if n == 1 {
		return "1 parked event"
	}
	return fmt.Sprintf("%d parked events", n)
}
