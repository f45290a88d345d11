package embedded

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// defaultSettings suit a developer's machine that also runs everything else. Durability stays as PostgreSQL ships it:
// fsync, full_page_writes and synchronous_commit are not touched.
func defaultSettings() map[string]string {
	return map[string]string{
		"max_connections":      "200",
		"shared_buffers":       "256MB",
		"effective_cache_size": "1GB",
		"work_mem":             "16MB",
		"maintenance_work_mem": "128MB",
		"max_wal_size":         "2GB",
		"min_wal_size":         "256MB",
		"wal_compression":      "on",
		"checkpoint_timeout":   "15min",
		"random_page_cost":     "1.1",
		"jit":                  "off", // compiling costs more than our short queries take
		"timezone":             "UTC",
		"log_timezone":         "UTC",
		"log_min_messages":     "warning",
		"log_line_prefix":      "%m [%p] %q%u@%d ",
		"log_checkpoints":      "off",
	}
}

// ownSettings are those that this package depends on: reachable on loopback only, logs where the tail is read from,
// one file per weekday, each begun anew after a week.
func ownSettings(port int) map[string]string {
	return map[string]string{
		"port":                     strconv.Itoa(port),
		"listen_addresses":         loopback,
		"unix_socket_directories":  "",
		"logging_collector":        "on",
		"log_destination":          "stderr",
		"log_directory":            "log",
		"log_filename":             "postgresql-%a.log",
		"log_rotation_age":         "1d",
		"log_rotation_size":        "0",
		"log_truncate_on_rotation": "on",
	}
}

// checkSettings refuses what would move the server away from where Start looks for it.
func checkSettings(settings map[string]string) error {
	reserved := ownSettings(0)
	for _, name := range []string{"data_directory", "config_file", "hba_file", "ident_file", "external_pid_file"} {
		reserved[name] = ""
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if _, taken := reserved[name]; taken {
			errs = append(errs, fmt.Errorf("PostgreSQL setting %q is managed by the embedded server: leave it out", name))
		}
	}
	return errors.Join(errs...)
}

func settingArgs(custom map[string]string, port int) []string {
	settings := defaultSettings()
	maps.Copy(settings, custom)
	maps.Copy(settings, ownSettings(port))
	var args []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args
}
