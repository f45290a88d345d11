package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
)

type kafkaTLS struct {
	KafkaTLS  bool   `env:"LEDGERBOARD_KAFKA_TLS" help:"Connect to Kafka over TLS."`
	KafkaCA   string `env:"LEDGERBOARD_KAFKA_CA" placeholder:"FILE" help:"Certificates (PEM) of the authorities that sign broker certificates. Default: the authorities that this machine trusts."`
	KafkaCert string `env:"LEDGERBOARD_KAFKA_CERT" placeholder:"FILE" help:"Client certificate and key (PEM, in one file), if brokers require them."`

	loaded *tls.Config // nil if TLS is disabled
}

// AfterApply refuses invalid files before any command starts.
func (k *kafkaTLS) AfterApply() error {
	var wrong faults
	if !k.KafkaTLS {
		for name, value := range map[string]string{"CA": k.KafkaCA, "CERT": k.KafkaCert} {
			wrong.unlessf(value == "", "LEDGERBOARD_KAFKA_%s is set, but LEDGERBOARD_KAFKA_TLS is not true: "+
				"traffic and credentials would be readable on the network", name)
		}
		return wrong.err()
	}
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
	k.loaded = config
	return wrong.err()
}

func readAuthorities(path string) (*x509.CertPool, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(raw) {
		what := "no PEM certificate"
		if strings.Contains(string(raw), "PRIVATE KEY") {
			what = "a private key but no certificate: set the file as LEDGERBOARD_KAFKA_CERT"
		}
		return nil, fmt.Errorf("%s contains %s", path, what)
	}
	return roots, nil
}

const configFileVariable = "LEDGERBOARD_CONFIG"

// dropEmpty unsets empty variables: the empty values of an example file must not override defaults.
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

// loadConfigFile sets the variables in a file that has the format of systemd's EnvironmentFile.
// Variables that are already set take precedence.
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
		value = strings.TrimSpace(value)
		if last := len(value) - 1; last > 0 && (value[0] == '"' || value[0] == '\'') && value[last] == value[0] {
			value = value[1:last]
		}
		if err := os.Setenv(name, value); err != nil {
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
