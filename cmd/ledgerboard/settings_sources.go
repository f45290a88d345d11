package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
)

// kafkaTLS configures TLS for both Kafka clients.
type kafkaTLS struct {
	KafkaTLS  bool   `env:"LEDGERBOARD_KAFKA_TLS" help:"Connect to Kafka over TLS."`
	KafkaCA   string `name:"kafka-ca" env:"LEDGERBOARD_KAFKA_CA" placeholder:"FILE" help:"Certificates (PEM) of the authorities that sign broker certificates. Default: those that this machine trusts."`
	KafkaCert string `env:"LEDGERBOARD_KAFKA_CERT" placeholder:"FILE" help:"Client certificate and key (PEM, in one file), if brokers require them."`

	loaded *tls.Config // nil if TLS is disabled
}

// AfterApply reads the files once the settings are parsed, so that every command with these
// settings refuses invalid ones before it starts.
func (k *kafkaTLS) AfterApply() (err error) {
	k.loaded, err = k.load()
	return err
}

// load returns an error that lists all faults.
func (k *kafkaTLS) load() (*tls.Config, error) {
	if !k.KafkaTLS {
		var wrong faults
		for name, value := range map[string]string{"CA": k.KafkaCA, "CERT": k.KafkaCert} {
			wrong.unlessf(value == "", "LEDGERBOARD_KAFKA_%s is set, but LEDGERBOARD_KAFKA_TLS is not true: traffic and credentials would be readable on the network", name)
		}
		return nil, wrong.err()
	}
	var wrong faults
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if k.KafkaCA != "" {
		roots, err := readAuthorities(k.KafkaCA)
		wrong.add(wrapError("LEDGERBOARD_KAFKA_CA", err))
		config.RootCAs = roots
	}
	if k.KafkaCert != "" {
		pair, err := tls.LoadX509KeyPair(k.KafkaCert, k.KafkaCert)
		wrong.add(wrapError("LEDGERBOARD_KAFKA_CERT", err))
		config.Certificates = []tls.Certificate{pair}
	}
	if err := wrong.err(); err != nil {
		return nil, err
	}
	return config, nil
}

func readAuthorities(path string) (*x509.CertPool, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(raw) {
		what := "no certificate (PEM) in it"
		if strings.Contains(string(raw), "PRIVATE KEY") {
			what = "a private key but no certificate in it: set it as LEDGERBOARD_KAFKA_CERT"
		}
		return nil, fmt.Errorf("%s has %s", path, what)
	}
	return roots, nil
}

// configFileVariable names the configuration file.
const configFileVariable = "LEDGERBOARD_CONFIG"

// dropEmpty unsets empty variables, so that empty lines in an example file do not override
// defaults.
func dropEmpty() error {
	for _, pair := range os.Environ() {
		if name, ok := strings.CutSuffix(pair, "="); ok && strings.HasPrefix(name, "LEDGERBOARD_") {
			if err := os.Unsetenv(name); err != nil {
				return fmt.Errorf("unset %s: %w", name, err)
			}
		}
	}
	return nil
}

// loadConfigFile reads NAME=value lines in the format of systemd's EnvironmentFile and sets those
// variables that are not set yet. The error lists every invalid line.
func loadConfigFile(path string) error {
	if path == "" {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open configuration file: %w", err)
	}
	defer file.Close()
	var wrong []string
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if !ok || !strings.HasPrefix(name, "LEDGERBOARD_") {
			wrong = append(wrong, fmt.Sprintf("line %d is not LEDGERBOARD_NAME=value", n))
			continue
		}
		if _, set := os.LookupEnv(name); set || strings.TrimSpace(value) == "" {
			continue
		}
		if err := os.Setenv(name, unquote(strings.TrimSpace(value))); err != nil {
			wrong = append(wrong, fmt.Sprintf("line %d: %s", n, err))
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read configuration file %s: %w", path, err)
	}
	if len(wrong) > 0 {
		return fmt.Errorf("configuration file %s: %s", path, strings.Join(wrong, "; "))
	}
	return nil
}

func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}
