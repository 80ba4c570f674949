"""What labels are called in all languages of the search box: one line for each thing, in each its forms.

Whatever a site calls it, `cat` and `Katze` alike, is found by each of these words.
"""

from __future__ import annotations

from watcher.model.search_languages import phrases

_THINGS = """
person persons people human humans mensch menschen leute personen persona personas gente humano personne personnes
    gens persone persoon mens mensen personen osoba osoby osób osobę osobą ludzie ludzi człowiek człowieka
child children kid kids kind kinder niño niña niños niñas enfant enfants bambino bambina bambini kinderen dziecko
    dzieci
bicycle bicycles bike bikes cycle fahrrad fahrräder rad räder bicicleta bicicletas bici vélo vélos bicyclette
    bicicletta biciclette fiets fietsen rower rowery rowerem roweru
car cars auto autos pkw wagen coche coches carro carros automóvil voiture voitures automobile automobili macchina
    macchine wagens auto_s samochód samochody samochodu samochodów samochodem auta
motorcycle motorcycles motorbike motorbikes motorrad motorräder moto motos motocicleta motocicletas motocyclette
    motocicletta motociclette motorfiets motorfietsen motocykl motocykle motocykla
bus buses busse autobus autobuses autobús bussen autobusy autobusu autocar
truck trucks lorry lorries lkw lastwagen laster camión camiones camion camions autocarro vrachtwagen vrachtwagens
    ciężarówka ciężarówki ciężarówkę
van vans lieferwagen transporter furgoneta furgonetas camionnette camionnettes furgone furgoni bestelwagen busje
    furgonetka
train trains zug züge tren trenes treno treni trein treinen pociąg pociągi
airplane airplanes aeroplane plane planes aircraft flugzeug flugzeuge avión aviones avion avions aereo aerei
    vliegtuig vliegtuigen samolot samoloty
boat boats ship ships boot boote schiff schiffe barco barcos barca bateau bateaux barche boten łódź łodzie statek
bird birds vogel vögel pájaro pájaros ave aves oiseau oiseaux uccello uccelli vogels ptak ptaki ptaka ptaków
cat cats katze katzen kater gato gata gatos gatas chat chats chatte gatto gatti gatta kat katten poes poezen kot
    koty kota kotem kotów
dog dogs hund hunde hunden perro perra perros perras chien chiens chienne cane cani hond honden pies psy psa psem
    psów
horse horses pferd pferde pferden caballo caballos cheval chevaux cavallo cavalli paard paarden koń konie konia
sheep schaf schafe oveja ovejas mouton moutons brebis pecora pecore schaap schapen owca owce
cow cows kuh kühe rind rinder vaca vacas vache vaches mucca mucche koe koeien krowa krowy
bear bears bär bären oso osos ours orso orsi beer beren niedźwiedź niedźwiedzie
fox foxes fuchs füchse zorro zorros renard renards volpe volpi vos vossen lis lisy lisa
deer reh rehe hirsch hirsche ciervo ciervos corzo cerf cerfs chevreuil cervo cervi capriolo hert herten ree reeën
    jeleń jelenie sarna sarny
rabbit rabbits hare hares kaninchen hase hasen conejo conejos lapin lapins coniglio conigli konijn konijnen haas
    hazen królik króliki zając zające
hedgehog hedgehogs igel erizo erizos hérisson hérissons riccio ricci egel egels jeż jeże
raccoon raccoons waschbär waschbären mapache mapaches raton_laveur ratons_laveurs procione procioni wasbeer wasberen
    szop szopy
squirrel squirrels eichhörnchen ardilla ardillas écureuil écureuils scoiattolo scoiattoli eekhoorn eekhoorns
    wiewiórka wiewiórki
animal animals tier tiere tieren animales animaux animale animali dier dieren zwierzę zwierzęta zwierząt
vehicle vehicles fahrzeug fahrzeuge fahrzeugen vehículo vehículos véhicule véhicules veicolo veicoli voertuig
    voertuigen pojazd pojazdy pojazdu pojazdów
parcel parcels package packages paket pakete päckchen paquete paquetes colis paquet paquets pacco pacchi pakket
    pakketten pakje paczka paczki paczkę
backpack backpacks rucksack rucksäcke mochila mochilas sac_à_dos zaino zaini rugzak rugzakken plecak plecaki
umbrella umbrellas schirm regenschirm schirme paraguas parapluie parapluies ombrello ombrelli paraplu paraplus
    parasol parasole
suitcase suitcases koffer maleta maletas valise valises valigia valigie koffers walizka walizki
bench benches bank bänke banco bancos banc bancs panchina panchine bankje ławka ławki
chair chairs stuhl stühle silla sillas chaise chaises sedia sedie stoel stoelen krzesło krzesła
bottle bottles flasche flaschen botella botellas bouteille bouteilles bottiglia bottiglie fles flessen butelka
    butelki
cup cups tasse tassen taza tazas tasses tazza tazze kopje kopjes kubek kubki filiżanka
"""


def _things() -> dict[tuple[str, ...], int]:
    """Which thing a phrase names, by its number."""
    lines = _THINGS.strip().replace("\n    ", " ").splitlines()
    return {phrase: number for number, line in enumerate(lines) for phrase in reversed(phrases(line))}


THINGS = _things()
