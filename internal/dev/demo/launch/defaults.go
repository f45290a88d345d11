package launch

// Defaults are the settings, by flag, that a demo needs otherwise than a service when nobody gives them.
func Defaults() map[string]string {
	return map[string]string{
		"rate-limit":             "60000",                   // a demo is also tried under load, by one user
		"post-insights-interval": "1m",                      // so that live readings can be watched
		"checkpoint-every":       "10s",                     // so that the first look finds a history that is signed
		"quotas":                 "linkedin:app:100000/24h", // the simulated LinkedIn has approved the app
	}
}
