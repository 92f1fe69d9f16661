"""How people call columns, and what they put into some, in English, Spanish, French, German and a little more.

All plain: small letters without accents, one space between words. Of two columns of ours a spelling belongs to one.
"""

_COLUMNS = """
customer_id: customer id, customer no, customer nr, customer number, customer ref, customer reference, cust id, cust
    no, account, account id, account no, account nr, account number, acct, acct no, acct number, client id, client
    number, consumer id, consumer no, subscriber id, subscriber number, member number, contract account, numero de
    cliente, id cliente, codigo cliente, cuenta, numero de cuenta, no cuenta, contrato, numero client, numero de
    client, no client, id client, code client, reference client, kundennummer, kundennr, kunden nr, kunden id,
    vertragskonto, numero do cliente, codigo do cliente, codice cliente, klantnummer
site_id: site id, site no, site number, premise, premise id, premise no, premise number, premises id, location id,
    location no, location number, service point, service point id, service location, service location id, meter, meter
    id, meter no, meter number, meter serial number, connection id, delivery point, pod, mpan, installation,
    installation no, sitio, id sitio, suministro, numero de suministro, numero de medidor, medidor, cups, point de
    livraison, pdl, prm, compteur, numero de compteur, site, zahlernummer, zaehlernummer, zahlpunkt, anlage,
    anschlussnummer, instalacao, numero da instalacao
name: name, full name, customer name, account name, account holder, client name, contact name, company, company name,
    nombre, nombre completo, nombre del cliente, razon social, titular, nom, nom complet, nom du client, raison
    sociale, titulaire, kunde, kundenname, firma, nome, nome completo, nome do cliente, ragione sociale, naam
first_name: first name, firstname, given name, forename, nombres, prenom, vorname, primeiro nome, voornaam
last_name: last name, lastname, surname, family name, apellido, apellidos, nom de famille, nachname, sobrenome,
    cognome, achternaam
label: label, site name, premise name, location name, nickname
address: address, service address, premise address, site address, street address, installation address, full address,
    direccion, direccion de servicio, domicilio, adresse, adresse complete, anschrift, endereco, indirizzo, adres
street: street, street name, address 1, address line 1, addr 1, addr1, address1, street 1, street1, street and number,
    calle, rue, voie, strasse, rua, via, straat, street number and name
house: house number, house no, street number, street no, building number, hausnummer, numero exterior, numero de voie
unit: unit, apt, apartment, suite, address 2, address line 2, addr 2, addr2, address2, street 2, street2, piso,
    appartement
services: services, service, service type, service types, service class, commodity, utility, product, products,
    servicio, servicios, tipo de servicio, service souscrit, type de service, dienst, dienste, sparte, servico,
    servicos, servizio
status: status, account status, service status, site status, customer status, state of account, estado, estado del
    servicio, estado de cuenta, statut, etat, situacao, stato
account_type: account type, customer type, customer class, rate class, revenue class, category, segment, tipo de
    cliente, categoria, type de client, categorie, kundengruppe, kundentyp, tipo de conta
priority: priority, critical, critical customer, critical care, medical, medical baseline, life support, life support
    flag, sensitive, sensitive load, vip, prioridad, critico, prioritaire, prioritat, prioritaet, prioridade
email: email, e mail, mail, email address, e mail address, email id, primary email, contact email, correo, correo
    electronico, courriel, adresse e mail, adresse mail, adresse email, e mail adresse, mailadresse, emailadresse,
    posta elettronica
phone: phone, phone number, phone no, phone 1, telephone, telephone number, tel, mobile, mobile phone, mobile number,
    mobile no, cell, cell phone, cellphone, cell number, primary phone, contact phone, contact number, sms, sms
    number, day phone, telefono, telefono movil, celular, movil, numero de telefono, telephone portable, portable,
    mobil, telefon, telefonnummer, handy, handynummer, mobiltelefon, rufnummer, telefone, telemovel, cellulare,
    telefoon
phone2: phone 2, phone2, alternate phone, alternative phone, alt phone, secondary phone, second phone, other phone,
    home phone, work phone, evening phone, landline, telefono 2, telefono fijo, otro telefono, telephone fixe,
    telephone 2, festnetz, telefon 2
locale: locale, language, preferred language, language code, lang, idioma, langue, sprache, lingua, taal
time_zone: time zone, timezone, tz, zona horaria, fuseau horaire, zeitzone, fuso horario
plan: plan, tariff, rate, rate plan, rate schedule, package, tarifa, paquete, forfait, offre, tarif, plano, tariffa
monthly_price: monthly price, price, monthly charge, monthly fee, mrc, precio mensual, prix mensuel, monatspreis
currency: currency, currency code, moneda, devise, wahrung, waehrung, moeda, valuta
region.postal_code: postal code, postalcode, postcode, post code, zip, zip code, zipcode, zip 5, service zip, service
    zip code, codigo postal, cp, c p, code postal, plz, postleitzahl, cep, cap
region.city: city, town, municipality, service city, ciudad, municipio, localidad, poblacion, ville, commune, stadt,
    ort, gemeinde, cidade, citta, comune, plaats
region.state: state, state code, province, provincia, bundesland, service state
region.node: node, network node, olt, pon, splitter, headend, access point, tower, feeder, feeder id, circuit, circuit
    id, transformer, transformer id, nodo, alimentador, transformador, noeud, transformateur, knoten, trafo
"""

_STATUS = """
active: active, a, act, enabled, connected, live, open, activo, activa, actif, aktiv, ativo, attivo, on, yes, y, 1, en
    servicio
paused: paused, suspended, blocked, disconnected, temporarily, new, pending, suspendido, bloqueado, nuevo, pendiente,
    suspendu, bloque, nouveau, gesperrt, pausiert, sospeso, on hold
ended: ended, inactive, closed, terminated, cancelled, canceled, final, finaled, disabled, inactivo, cerrado, baja,
    cancelado, inactif, ferme, resilie, inaktiv, beendet, gekundigt, inativo, encerrado, chiuso, off, no, n, 0
"""

_SERVICES = """
power: power, electric, electricity, elec, el, e, electricidad, luz, energia, electricite, strom, energie
internet: internet, broadband, fiber, fibre, data, ftth, dsl, cable, wireless, isp, fibra, glasfaser, breitband,
    internet access, banda ancha, haut debit
water: water, wtr, w, agua, eau, wasser, acqua, potable water
"""

_LOCALES = """
en: english, eng, ingles, anglais, englisch, en us, en gb
es: spanish, spa, esp, espanol, castellano, espagnol, spanisch, es es, es mx
fr: french, fra, fre, francais, frances, franzosisch, fr fr, fr ca
"""


def _read(text: str) -> dict[str, tuple[str, ...]]:
    """Return words by what they mean; a line that is indented goes on with the one before."""
    lines = text.strip().replace("\n    ", " ").splitlines()
    return {means: tuple(words.split(", ")) for means, _, words in (line.partition(": ") for line in lines)}


SPELLINGS = _read(_COLUMNS)
"""Names of columns; `first_name`, `last_name`, `house`, `street` and `unit` are parts of ours."""

WORDS = {"status": _read(_STATUS), "services": _read(_SERVICES), "locale": _read(_LOCALES)}
"""Words in the cells of a column of ours."""
