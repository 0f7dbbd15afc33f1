from playwright.sync_api import sync_playwright

with sync_playwright() as p:
    b = p.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
    for w, tag in ((1280, "l"), (390, "p")):
        pg = b.new_page(viewport={"width": w, "height": 900})
        pg.goto("file:///tmp/w/rep6/digits/figures.html")
        print(w, pg.evaluate("document.documentElement.scrollWidth"), pg.locator("section.figure").count())
        n = pg.locator("section.figure").count()
        for s, e in ((8, 11), (11, 14), (14, 18), (18, 22), (22, 26)):
            els = [pg.locator(f"#figure-{k}") for k in range(s, e)]
            bb = [x.bounding_box() for x in els if x.count()]
            if not bb:
                continue
            y0 = bb[0]["y"]
            y1 = bb[-1]["y"] + bb[-1]["height"]
            pg.screenshot(
                path=f"/tmp/w/rv-fig{s}-{tag}.png",
                full_page=True,
                clip={"x": 0, "y": y0, "width": w, "height": min(y1 - y0, 5200)},
            )
            print(s, e, y1 - y0)
        pg.close()
    pg = b.new_page(viewport={"width": 1280, "height": 900})
    pg.goto("file:///tmp/w/rep6/digits/sec5_gamma_distribution.html")
    pg.screenshot(path="/tmp/w/rv-claim.png", full_page=True)
    pg.set_viewport_size({"width": 390, "height": 844})
    pg.screenshot(path="/tmp/w/rv-claim-p.png", full_page=True)
    b.close()
