package domain

// CurrencyDecimals returns the number of decimal places of a currency's minor unit by ISO 4217: a
// price of 50000 is 50,000 JPY, 500.00 EUR or 50.000 KWD. Most currencies, and unknown ones, have
// two. (CLDR, which golang.org/x/text/currency follows, counts the coins in use instead: it has no
// decimals for IDR, IQD and 22 others.)
func CurrencyDecimals(currency string) int {
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	case "CLF", "UYW":
		return 4
	}
	return 2
}
