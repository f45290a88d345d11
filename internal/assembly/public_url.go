package assembly

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// CheckPublicURL refuses an address that platforms do not send people back to: over HTTPS only; on this machine the simulator does without.
// "" is none.
func CheckPublicURL(base string) error {
	if base == "" {
		return nil
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(base, "/") {
		return fmt.Errorf("%q must be https://host without a slash at its end", base)
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return fmt.Errorf("%q must begin with https://: the platforms send people back over HTTPS only", base)
	}
	return nil
}
